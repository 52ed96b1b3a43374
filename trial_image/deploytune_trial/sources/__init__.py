"""Sources that are URLs: downloaded in the Load stage, so that everything after sees files."""
