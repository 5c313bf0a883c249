package recording

import "errors"

// Kill does to a writer what the end of its process does.
func Kill(w *Writer) error { return errors.Join(w.partial.Close(), w.lock.Close()) }
