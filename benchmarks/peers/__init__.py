"""Three usual ways to write a sender, a job a message: arq, Celery and SAQ.

`race.py` and `venvs.py` are ours; the rest runs on a peer's own interpreter.
"""
