"""RecTools' SASRec: its training and its scores. Runs in the environment of `requirements.txt` alone.

Kang and McAuley (2018), "Self-Attentive Sequential Recommendation"; with the softmax over all items for a loss, which
Klenitskiy and Vasilev (2023), "Turning Dross Into Gold Loss: is BERT4Rec really better than SASRec?", found far better
than the paper's own.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pytorch_lightning import Trainer, seed_everything  # type: ignore[import-not-found]
from rectools import Columns  # type: ignore[import-not-found]
from rectools.dataset import Dataset  # type: ignore[import-not-found]
from rectools.models import SASRecModel  # type: ignore[import-not-found]

from bench.recommend.sequential.exchange import Items

# Both write a line of advice at every step of ours.
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module=r"pytorch_lightning|rectools|pydantic")

BLOCKS, HEADS = 2, 2
BATCH = 16
"""Windows of histories in a step of the training. Of 64, a small set makes too few steps: after 40 epochs of
movietweetings (720 steps) the validation was still below what popularity alone had reached after 4, and rising."""
MOST_EPOCHS = 10_000


@dataclass(frozen=True, slots=True)
class Setting:
    """What is searched over.

    Attributes:
        factors: width of the model.
        dropout: share of units left out in training.
        length: behaviours that the model sees.
        rate: learning rate.
    """

    factors: int = 64
    dropout: float = 0.2
    length: int = 50
    rate: float = 1e-3


class SasRec:
    """A model in training, an epoch at a time."""

    def __init__(self, setting: Setting, fit: Sequence[Items], seed: int) -> None:
        seed_everything(seed, verbose=False)
        self.dataset = Dataset.construct(_interactions(fit, setting))
        self.model = SASRecModel(
            n_blocks=BLOCKS,
            n_heads=HEADS,
            n_factors=setting.factors,
            dropout_rate=setting.dropout,
            session_max_len=setting.length,
            lr=setting.rate,
            batch_size=BATCH,
            use_key_padding_mask=True,
            get_trainer_func=_trainer,
        )

    def epoch(self) -> float:
        """Train on every history once; the mean loss of it."""
        self.model.fit_partial(self.dataset, min_epochs=1, max_epochs=1)
        return float(self.model.fit_trainer.callback_metrics["train_loss"])


class Scorer:
    """Scores of histories by a trained model: the last place of the encoded history against every item.

    The library's own `recommend` does the same, but takes each history as a data frame, and gives the best items only.
    """

    def __init__(self, model: SASRecModel, known: Items) -> None:
        ids = model.data_preparator.item_id_map
        # The library numbers items itself, and leaves out those that no window holds.
        inner = np.zeros(len(known) + 1, np.int64)
        inner[1:] = [ids.to_internal.get(item, 0) for item in known.tolist()]
        self.inner = inner
        self.backbone = model.torch_model.eval()
        with torch.no_grad():
            self.items = self.backbone.item_model.get_all_embeddings()

    def __call__(self, before: NDArray[np.int64]) -> NDArray[np.float32]:
        """(b, length) places to (b, known + 1) scores."""
        with torch.no_grad():
            encoded = self.backbone.encode_sessions({"x": torch.from_numpy(self.inner[before])}, self.items)[:, -1]
            scores: NDArray[np.float32] = (encoded @ self.items.T).numpy()
        scores[:, 0] = -np.inf  # the library's padding, which items without a number of its own share
        return scores[:, self.inner]


def recommended(model: SASRecModel, histories: Sequence[Items], count: int) -> list[Items]:
    """The library's own recommendations after each history, best first, seen items left out; to check `Scorer` by."""
    users = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    frame = pd.DataFrame(
        {
            Columns.User: users,
            Columns.Item: np.concatenate(histories),
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(np.arange(len(users)), unit="s"),
        }
    )
    found = model.recommend(
        np.arange(len(histories)),
        Dataset.construct(frame),
        k=count,
        filter_viewed=True,
        on_unsupported_targets="ignore",
    )
    found = found.sort_values([Columns.User, Columns.Rank])
    return [found.loc[found[Columns.User] == user, Columns.Item].to_numpy() for user in range(len(histories))]


def _trainer() -> Trainer:
    # `fit_partial` says how many epochs; a saved model is not loaded where it has had more than this.
    return Trainer(
        max_epochs=MOST_EPOCHS,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        deterministic=True,
    )


def _interactions(fit: Sequence[Items], setting: Setting) -> pd.DataFrame:
    """The library's frame, a user of its own for each window of a history, for it trains on the newest window alone."""
    windows = list(_windows(fit, setting.length))
    lengths = [len(items) for items in windows]
    return pd.DataFrame(
        {
            Columns.User: np.repeat(np.arange(len(windows)), lengths),
            Columns.Item: np.concatenate(windows),
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(np.arange(sum(lengths)), unit="s"),
        }
    )


def _windows(fit: Sequence[Items], length: int) -> Iterator[Items]:
    """Windows of a history, the newest full; each begins with the last behaviour of the one before it.

    So every behaviour but the very first is asked for once.
    """
    for items in fit:
        for end in range(len(items), 1, -length):
            yield items[max(0, end - length - 1) : end]
