"""python -m sparse_index doctor | plan | run | search"""

from sparse_index.cli.main import main

raise SystemExit(main())
