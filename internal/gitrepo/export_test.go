package gitrepo

// DieLocking leaves what a process leaves that dies while it moves a ref, or removes it where there is no content.
func (r *Repo) DieLocking(name string, content []byte) error {
	l, err := r.lock(name, content)
	if err != nil {
		return err
	}
	return l.file.Close()
}
