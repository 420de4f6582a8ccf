"""`python -m sandbox`, the same as `sandbox`."""

import sys

from sandbox.cli.main import main

sys.exit(main())
