// Package gitwire writes and reads what a client and git-upload-pack say to each other, in protocol v2 and v0, and knows
// nothing of how it is carried. A server is hostile: every line, list and text is bounded and parsed strictly. What is in
// the packs is not looked at.
//
// # Lines
//
// Everything is in lines of git's own kind: four hex digits, which count themselves, then at most 65,516 bytes. "0000"
// ends a message and "0001" a section of it. A line that begins with "ERR " is the server's last word: a [ServerError].
//
// # Greeting
//
// [ReadGreeting] takes what the server says first. Of a server of v2 that is what it can do, of v0 also all its refs:
//
//	version 2                            <id> HEAD NUL side-band-64k shallow filter thin-pack ...
//	ls-refs=unborn                       <id> refs/heads/dist
//	fetch=shallow filter                 <id> refs/tags/v1
//	object-format=sha1                   <id> refs/tags/v1^{}
//	0000                                 0000
//
// # Requests
//
// [ListRequest] (v2 only) asks for the refs that begin with given prefixes, [ReadRefs] reads the answer. [Fetch.Request]
// asks for objects, and for nothing to be negotiated:
//
//	v2: command=fetch 0001 thin-pack ofs-delta no-progress want <id> shallow <id> deepen 1 filter blob:none have <id> done 0000
//	v0: want <id> side-band-64k ... shallow <id> deepen 1 filter blob:none 0000 have <id> done
//
// [ReadPack] skips what comes before the pack and returns a reader of it, out of the band that it is sent in.
//
// With a `have`, and thin packs, the server sends only what differs from that commit's snapshot, also as differences
// against its objects. `shallow` tells that nothing before it is here, `deepen 1` that nothing before what is wanted shall
// come. So it does not matter how the two commits are related.
//
// Objects that are wanted by their ids have no need of any of that. But git looks for them in bitmaps of the whole
// repository, if it has them, unless it is told of a `shallow` commit: that is [Fetch].Edge, and three times as fast.
//
// Sources: gitprotocol-common(5), gitprotocol-v2(5), gitprotocol-pack(5).
package gitwire
