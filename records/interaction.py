"""An interaction: one call of an LLM, as contract.md names its fields, and the columns that a batch of them has."""

import polars as pl

TAG = pl.Struct({"key": pl.String, "value": pl.String})
SCORE = pl.Struct({"key": pl.String, "value": pl.Float64})
TOOL_CALL = pl.Struct({"name": pl.String, "arguments": pl.String, "error": pl.String, "duration": pl.Float64})

_INTERACTION: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "timestamp": pl.Int64,  # event time, microseconds since 1970 UTC
    "application": pl.String,
    "prompt": pl.String,
    "response": pl.String,
    "system": pl.String,
    "prompt_name": pl.String,
    "prompt_version": pl.String,
    "provider": pl.String,
    "model": pl.String,
    "operation": pl.String,
    "context": pl.List(pl.String),
    "tool_calls": pl.List(TOOL_CALL),
    "input_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "duration": pl.Float64,  # seconds
    "time_to_first_token": pl.Float64,  # seconds
    "cost_usd": pl.Float64,
    "finish_reason": pl.String,
    "error": pl.String,
    "conversation_id": pl.String,
    "user": pl.String,
    "tags": pl.List(TAG),
    "scores": pl.List(SCORE),
    "reference_answer": pl.String,
}
INTERACTION_SCHEMA = pl.Schema(_INTERACTION)
FEEDBACK_SCHEMA = pl.Schema(
    {
        "interaction_id": pl.String,
        "application": pl.String,
        "timestamp": pl.Int64,
        "name": pl.String,
        "number": pl.Float64,  # the value where it is a number or a boolean (0 or 1)
        "text": pl.String,  # the value where it is a string
        "source": pl.String,
    }
)
