"""The files of evidence, on a real database and a real object store, with files made by the tests."""
