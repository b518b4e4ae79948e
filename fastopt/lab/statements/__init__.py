"""The statements of the documents, by what they are about."""
