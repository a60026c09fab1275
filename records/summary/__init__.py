"""The mergeable state of a pane: how counts, moments, words and samples add up."""
