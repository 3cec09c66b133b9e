package main

type buildCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"The registry's folder."`
}

func (buildCmd) Help() string {
	return `Stamps the lines of branch main that are not published yet, adds them to the log, writes branch dist and public/,
and signs that this is current. Prints the fingerprint of the root of trust. A build that was cut off is finished by the
next; one that has nothing to do changes nothing, except that it signs anew what was signed more than a day ago.

EXAMPLES
  gal-registry build ./registry`
}

func (c *buildCmd) Run(a *app) error {
	s, err := openSite(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	report, err := s.Build(a.ctx, a.now())
	if err != nil {
		return err
	}
	return a.built("build", c.Dir, report)
}
