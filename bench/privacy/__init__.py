"""What noise on interest vectors costs those who use them."""
