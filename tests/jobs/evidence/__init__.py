"""Jobs about the files of evidence."""
