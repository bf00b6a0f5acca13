"""`python -m harmonium` is the `harmonium` command."""

from harmonium.cli import main

if __name__ == "__main__":
    main()
