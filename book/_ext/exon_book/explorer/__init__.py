"""What the explorers run in the browser: decoders and codes of stored runs, written while the book is built."""
