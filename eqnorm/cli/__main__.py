"""`python -m eqnorm.cli`."""

import sys

from eqnorm.cli import main

sys.exit(main())
