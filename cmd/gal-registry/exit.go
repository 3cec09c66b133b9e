package main

// exitCodes explains the exit codes of internal/cmdline.
const exitCodes = `0    it worked
1    it ran, and the answer is no: a proposal fails
2    the command line cannot be meant: a flag, a name, an address
3    a configuration file is wrong, the folder is not as it must be, or the disk failed
5    a registry, a proposal or a check is not there
6    the network failed
7    SECURITY: bytes, signatures or histories are not what they must be
8    credentials are missing or were refused
9    cancelled
70   a bug of gal-registry
130  interrupted
143  told to end, or left by its terminal
`
