"""Attacks from outside on what is promised: a promise each file, by the command line and on what it leaves on the disk.

Helpers (`outside.py`, `frozen_fits.py`) lie one folder up.
"""
from pathlib import Path
import sys

sys.path.append(str(Path(__file__).resolve().parent.parent))
