package index

import "time"

// timeLayout is the one form of a time in a registry: UTC, whole seconds.
const timeLayout = "2006-01-02T15:04:05Z"

// formatTime returns a time in that form, "" for the zero time.
func formatTime(t time.Time) string { return string(appendTime(nil, t)) }

// appendTime appends what [formatTime] returns. Every line has several times, and package time takes its layout apart for
// each of them.
func appendTime(buf []byte, t time.Time) []byte {
	if t.IsZero() {
		return buf
	}
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(buf, timeLayout)
	}
	hour, minute, second := t.Clock()
	buf = appendTwo(appendTwo(buf, year/100), year%100)
	buf = appendTwo(append(buf, '-'), int(month))
	buf = appendTwo(append(buf, '-'), day)
	buf = appendTwo(append(buf, 'T'), hour)
	buf = appendTwo(append(buf, ':'), minute)
	buf = appendTwo(append(buf, ':'), second)
	return append(buf, 'Z')
}

func appendTwo(buf []byte, n int) []byte { return append(buf, byte('0'+n/10), byte('0'+n%10)) }

// parseTime reads exactly what [formatTime] writes; the zero time is none.
func parseTime(text []byte) (t time.Time, ok bool) {
	if len(text) != len(timeLayout) {
		return t, false
	}
	year := 100*two(text[0:]) + two(text[2:])
	t = time.Date(year, time.Month(two(text[5:])), two(text[8:]), two(text[11:]), two(text[14:]), two(text[17:]), 0, time.UTC)
	var form [len(timeLayout)]byte
	return t, string(appendTime(form[:0], t)) == string(text)
}

// two is the number that two digits are, and some number for what else two bytes are.
func two(b []byte) int { return 10*int(b[0]-'0') + int(b[1]-'0') }

// time reads a time, which is worth no word to remember: hardly any comes twice.
func (s *scanner) time() (time.Time, error) {
	if end := s.pos + len(timeLayout) + 1; end < len(s.data) && s.data[s.pos] == '"' && s.data[end] == '"' {
		if t, ok := parseTime(s.data[s.pos+1 : end]); ok {
			s.pos = end + 1
			return t, nil
		}
	}
	text, err := s.text()
	if err != nil {
		return time.Time{}, err
	}
	return time.Time{}, s.failf("%q is not a time of the form YYYY-MM-DDTHH:MM:SSZ", text)
}
