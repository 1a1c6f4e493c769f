"""`python -m reports`: writes the report pages."""

import sys

from reports.cli import main

sys.exit(main())
