"""The stages of the pipeline, one verb each; monitor.pipeline has their order."""
