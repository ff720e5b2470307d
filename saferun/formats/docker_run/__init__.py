"""docker run's command line: the flags, argv to RunCommand and back."""
