"""bopask: question-answer data about acting on objects, from any 6D-pose dataset in BOP format.

`import bopask` is light: no mesh library, planner or image is touched until a verb is called.
"""

from bopask.errors import BopaskError, InputError, MissingExtra, OutputError, UnsupportedError

__version__ = "0.1.0"
__all__ = ["BopaskError", "InputError", "MissingExtra", "OutputError", "UnsupportedError", "__version__"]
