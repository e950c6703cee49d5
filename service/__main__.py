"""`python -m service` is `swerve`."""

from service.cli import main

if __name__ == "__main__":
    main()
