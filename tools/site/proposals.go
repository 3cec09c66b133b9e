package site

import "strings"

// Proposals lists the branches of the open proposals, sorted.
func (s *Site) Proposals() ([]string, error) {
	refs, err := s.repo.Refs(proposalRefs)
	if err != nil {
		return nil, err
	}
	branches := make([]string, len(refs))
	for i, ref := range refs {
		branches[i] = strings.TrimPrefix(ref.Name, "refs/heads/")
	}
	return branches, nil
}
