package main

type registryResetCmd struct {
	Name string `arg:"" help:"What you call it."`
}

func (registryResetCmd) Help() string {
	return `Forgets what was known of a registry: its id, its root of trust, the newest state and log that were seen. Then it is trusted
anew, as if it were added now. That is right only if the registry's operator confirms that it was set up again, by another
way than its host: otherwise it helps whoever has taken the host over.

EXAMPLES
  gal-pkg registry reset company`
}

func (c *registryResetCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	r, err := user.Registries.Find(c.Name)
	if err != nil {
		return err
	}
	old := r
	if err := a.confirm("Forget all that is known of the registry "+r.Name+"?", "--yes"); err != nil {
		return err
	}
	if err := forget(user, r); err != nil {
		return err
	}
	r.ID, r.Root = "", ""
	if r, err = probe(a, r, user); err != nil {
		return err
	}
	if err := user.Registries.Repin(a.ctx, r.Name, r.ID, r.Root); err != nil {
		return err
	}
	if old.Root != "" && old.Root != r.Root {
		a.Warn("the root of trust was %s, and is %s", old.Root, r.Root)
	}
	a.Status("Reset", "%s %s", r.Name, r.ID)
	return a.Result("registry-reset", registryResult{r.Name, r.URL, r.ID, r.Root, r.Name == user.Registries.Default}, nil)
}
