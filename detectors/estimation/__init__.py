"""What NannyML computes best, over days: how far a day's sample is from the days before it, all signals at once.

`samples` makes one table of the panes' samples, `process` has `worker` run NannyML over it in a process of its own, and
`statement` says what the values over days mean. Only `worker` imports NannyML, and nothing of Plumbline.
"""
