//go:build !windows

package install

func isPrivilege(error) bool { return false }
