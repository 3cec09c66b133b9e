package main

type registryRemoveCmd struct {
	Name string `arg:"" help:"What you call it."`
}

func (registryRemoveCmd) Help() string {
	return `Removes a registry with its credentials and its index. Projects that are locked to it need it back.

EXAMPLES
  gal-pkg registry remove company`
}

func (c *registryRemoveCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	r, err := user.Registries.Find(c.Name)
	if err != nil {
		return err
	}
	if err := user.Registries.Remove(a.ctx, c.Name); err != nil {
		return err
	}
	had, err := user.Credentials.Remove(a.ctx, r.Name)
	if err != nil {
		return err
	}
	if err := forget(user, r); err != nil {
		return err
	}
	a.Status("Removed", "%s", r.Name)
	if had {
		a.Note("its credentials are forgotten here; that does not revoke the token at the host")
	}
	return a.Result("registry-remove", registryResult{Name: r.Name, URL: r.URL, ID: r.ID}, nil)
}
