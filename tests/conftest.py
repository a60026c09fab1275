"""What all tests share: Hypothesis looks for counterexamples and times nothing."""

from hypothesis import settings

settings.register_profile("plumbline", deadline=None)
settings.load_profile("plumbline")
