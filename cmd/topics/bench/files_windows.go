package bench

// allowFiles has nothing to do: Windows limits handles by memory alone.
func allowFiles(int) error { return nil }
