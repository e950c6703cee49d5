"""The text suite of the parity gate: short behaviours as users leave them, and every odd text that a service meets."""

_BEHAVIOURS = """
trail running shoes, men's size 43
waterproof hiking boots with ankle support
running socks, pack of six
GPS watch for marathon training
how to train for your first half marathon
best energy gels for long runs
foam roller for tight calves
yoga mat, non-slip, 6 mm
beginner yoga for back pain
adjustable dumbbells 2 x 20 kg
protein powder chocolate 1 kg
road bike helmet with visor
indoor cycling trainer
swimming goggles anti-fog
tennis racket for intermediate players
climbing harness and chalk bag
ski jacket insulated women
best ski resorts for families in Austria
camping tent for four people
sleeping bag rated to -10 degrees
portable gas stove for backpacking
noise cancelling headphones
wireless earbuds with long battery life
mechanical keyboard brown switches
27 inch 4K monitor for programming
USB-C hub with HDMI and ethernet
gaming laptop RTX under 1500 euros
how to build a gaming PC
solid state drive 2 TB NVMe
graphics card prices are falling
learn Python in a weekend
introduction to machine learning with scikit-learn
what is a transformer neural network
docker compose tutorial for beginners
postgres index tuning explained
rust ownership and borrowing
kubernetes rolling update stuck
smartphone with the best camera
phone case transparent shockproof
fast charger 65 W
smart watch heart rate accuracy
robot vacuum cleaner with mop
espresso machine with milk frother
coffee beans dark roast 1 kg
how to descale a coffee maker
sourdough starter recipe
cast iron skillet seasoning
easy weeknight pasta dinner
vegan chocolate cake without eggs
thai green curry paste
Japanese chef knife 20 cm
air fryer chicken wings recipe
organic olive oil extra virgin
gluten-free bread
baby stroller lightweight foldable
diapers size 3 mega pack
baby monitor with camera
wooden toys for toddlers
how to get a newborn to sleep
breast pump electric
kids bicycle 16 inch
school backpack dinosaurs
LEGO city fire station
board games for adults
jigsaw puzzle 1000 pieces
watercolor paint set
knitting needles bamboo
sewing machine for beginners
acoustic guitar strings
digital piano 88 weighted keys
how to read sheet music
vinyl records jazz classics
concert tickets Berlin
new album by Radiohead
top 50 pop songs this week
true crime podcast
documentary about deep sea life
science fiction series on a generation ship
trailer for the new superhero film
romantic comedies of the nineties
stand-up comedy special
funny cat videos compilation
dog food grain free 12 kg
cat litter clumping
aquarium filter silent
how to train a puppy to sit
bird feeder for the garden
tomato seeds heirloom
lawn mower battery powered
how to prune roses
raised garden bed kit
compost bin odour free
cordless drill 18 V
wall paint matt white 10 l
how to fix a leaking tap
LED ceiling lamp dimmable
sofa bed with storage
standing desk electric
office chair lumbar support
mattress medium firm 160 x 200
blackout curtains bedroom
Scandinavian living room ideas
mortgage rates forecast
how to invest in index funds
best savings accounts this year
credit card with travel insurance
tax return deadline for freelancers
bitcoin price today
central bank raises interest rates
stock market closes lower
used cars under 10,000
electric car range in winter
winter tyres 205/55 R16
motorcycle jacket leather
car seat for toddlers
dash cam front and rear
cheap flights to Lisbon
hotels near the Eiffel Tower
Japan itinerary for two weeks
carry-on suitcase 40 l
travel adapter worldwide
visa requirements for Vietnam
beach holiday in Greece
weekend city break Prague
face cream with retinol
sunscreen SPF 50 sensitive skin
shampoo for dry hair
perfume with vanilla notes
electric toothbrush heads
lipstick matte red
how to cover dark circles
beard trimmer
summer dress floral
slim fit jeans dark blue
winter coat women wool
white sneakers leather
wedding guest outfit
silver necklace with pendant
men's leather belt brown
rain jacket kids
symptoms of iron deficiency
vitamin D tablets 2000 IU
how to lower blood pressure
hay fever spray
migraine relief without medication
intermittent fasting results
election results by district
new climate report published
earthquake off the coast of Chile
football transfer news
Champions League final highlights
NBA playoffs schedule
Formula 1 qualifying results
chess opening for beginners
world cup qualifiers table
history of the Roman empire
biography of Marie Curie
best fantasy novels of the decade
crime novel set in Iceland
e-book reader with backlight
university admission requirements
how to write a cover letter
remote jobs software engineer
interview questions for data analysts
learn Spanish in three months
Duolingo streak lost
refurbished iPhone 13 128 GB
PlayStation 5 controller white
Nintendo Switch party games
speedrun of a platform game
patch notes for the new season
VR headset standalone
"""

_OTHER_LANGUAGES = """
越野跑鞋 男款 43码
无线降噪耳机
红烧肉的家常做法
人工智能的最新进展
婴儿奶粉 三段
日本七日游攻略
如何挑选一台笔记本电脑
今天的股市为什么下跌
羽毛球拍 全碳素
电影《流浪地球》影评
秋季女装 风衣 中长款
高考志愿填报指南
猫粮 无谷 10公斤
新能源汽车续航实测
二手房贷款利率
跑步机家用静音折叠款
iPhone 15 手机壳 透明
瑜伽垫 yoga mat 加厚
繁體中文的測試句子
ランニングシューズ メンズ 27cm
東京から京都までの新幹線
カレーの作り方
무선 이어폰 추천
서울 날씨 이번 주
кроссовки для бега мужские
рецепт борща со свёклой
новости экономики сегодня
chaussures de course à pied
recette de la tarte aux pommes
location de vacances en Bretagne
Laufschuhe für Herren, Größe 43
Rezept für Apfelstrudel
Wie wechsle ich einen Fahrradschlauch?
zapatillas para correr
receta de tortilla de patatas
tênis de corrida masculino
scarpe da corsa uomo
buty do biegania męskie
koşu ayakkabısı erkek
giày chạy bộ nam
รองเท้าวิ่งผู้ชาย
أحذية جري للرجال
נעלי ריצה לגברים
दौड़ने के जूते
παπούτσια για τρέξιμο
løbesko til mænd
ÅÄÖ åäö ß ẞ ñ ç ł ø
"""

_ODD = (
    "",
    " ",
    "   ",
    "\t",
    "\n",
    " \t\r\n ",
    "\u00a0\u2003\u3000",
    "a",
    "Z",
    "7",
    "?",
    ".",
    "我",
    "é",
    "e\u0301",
    "ﬁne ﬂour",
    "ＦＵＬＬＷＩＤＴＨ　１２３",
    "👟",
    "👟👟👟",
    "👩‍👩‍👧‍👦 family day out 🏖️",
    "🇨🇭 🏔️",
    "❤️",
    "running 🏃‍♀️ at dawn",
    "0",
    "42",
    "-1.5e-7",
    "3.14159265358979",
    "1,299.00 €",
    "$19.99",
    "2026-01-05T10:00:00+00:00",
    "+41 44 668 18 00",
    "https://example.com/shop/shoes?size=43&colour=black#reviews",
    "http://localhost:8000/docs",
    "user@example.org",
    "C:\\Users\\me\\file.txt",
    "/usr/local/bin",
    "SELECT * FROM users WHERE id = 1; --",
    "<script>alert('x')</script>",
    '{"user_id": "u-42", "text": null}',
    "null",
    "NaN",
    "True",
    "iPhone 15 Pro Max 256GB Natural Titanium",
    "AMD Ryzen 9 7950X3D",
    "Bosch GSR 18V-55",
    "IKEA BILLY 80x28x202",
    "ISBN 978-3-16-148410-0",
    "WH-1000XM5",
    "SKU: ABC-123/45.6",
    "ALL CAPS SALE!!!",
    "aLtErNaTiNg CaSe",
    "don't can't won't",
    "semi;colon,comma.no spaces",
    "hyphen-ated—dashes–everywhere",
    "“curly quotes” and ‘single ones’",
    "trailing spaces    ",
    "    leading spaces",
    "two\nlines",
    "tab\tseparated\tvalues",
    "zero\u200bwidth",
    "right\u202eto left",
    "\ufeffbyte order mark",
    "combining a\u0308o\u0308u\u0308",
    "supercalifragilisticexpialidocious",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "[CLS] [SEP] [PAD] [MASK] [UNK]",
    "<s> </s> <pad> <unk> <mask>",
    "the the the the the the the the",
    "x y z",
    "not a running shoe",
    "The quick brown fox jumps over the lazy dog.",
    "Two sentences about shoes. The second one is about socks.",
)

_LONG = (
    "This review is about shoes, and it is long. " * 150,
    "这双鞋子穿起来很舒服，适合长距离跑步，也适合日常通勤。" * 80,
    "unbroken" * 250,
    "1 2 3 4 5 6 7 8 9 10 " * 120,
    "👟 " * 700,
)

BEHAVIOURS: tuple[str, ...] = tuple(_BEHAVIOURS.strip().splitlines())
"""Short texts as they stand in logs of shops, news, video and search; the neighbour figure is taken over these."""

SUITE: tuple[str, ...] = (*BEHAVIOURS, *_OTHER_LANGUAGES.strip().splitlines(), *_ODD, *_LONG)
"""Every text of the gate; the behaviours come first."""

CANARY = "trail running shoes"
"""The text whose vector the manifest keeps."""
