"""Runs side by side: models × tasks, with intervals, failures, the paper's table and examples, on one page.

runs        RUN folders read, runs of one model on several data sets pooled
figures     means of parts of them, with intervals
published   the numbers of the paper
markdown    the tables as text        examples   best and worst replies, drawn        report   the page
"""
