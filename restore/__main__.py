"""`python -m restore` is `bcm-restore`."""

from restore.cli import main

if __name__ == "__main__":
    main()
