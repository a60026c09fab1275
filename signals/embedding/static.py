"""Static word embeddings, offline: the mean of the vectors of a text's tokens (package wordllama, extra `embeddings`)."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numba as nb
import numpy as np
from numpy.typing import NDArray

from records.errors import ConfigError

WEIGHTS, TOKENIZER = "weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json"


class StaticWords:
    """Holds the vectors of all tokens (32,000 x 256, 33 MB). ConfigError where the package is not installed."""

    def __init__(self) -> None:
        # only its files are used: its own loader looks for the tokenizer elsewhere, then downloads it
        spec = find_spec("wordllama")
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError("static embeddings need a package that is not installed; run pip install 'plumbline[embeddings]'")
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        home = Path(spec.submodule_search_locations[0])
        self._tokenizer = Tokenizer.from_file(str(home / TOKENIZER))
        self._vectors = load_file(home / WEIGHTS)["embedding.weight"].astype(np.float32)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The sum of the vectors of each text's tokens (m, 256): its direction is the mean's; 0 where there is no token."""
        tokens = [encoded.ids for encoded in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
        ends = np.cumsum([0, *map(len, tokens)])
        flat = np.fromiter((token for row in tokens for token in row), np.int64, ends[-1])
        out: NDArray[np.float64] = _pool(self._vectors, flat, ends)
        return out


@nb.njit(cache=True, nogil=True)
def _pool(vectors: NDArray[np.float32], tokens: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    out = np.zeros((len(ends) - 1, vectors.shape[1]))
    for i in range(len(out)):
        for t in range(ends[i], ends[i + 1]):
            for j in range(vectors.shape[1]):
                out[i, j] += vectors[tokens[t], j]
    return out


@lru_cache(maxsize=1)
def static_words() -> StaticWords:
    """The one instance of this process."""
    return StaticWords()
