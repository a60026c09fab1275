"""A model as a judge: interactions are sampled into the store, called for within a budget, and their scores become feedback."""
