"""Jobs about the files of evidence: what they say of themselves, and what nobody completed."""
