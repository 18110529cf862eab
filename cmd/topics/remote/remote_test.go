package remote

import "testing"

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ host, port, want string }{
		{"", "", "http://127.0.0.1:4000"},
		{"", "4100", "http://127.0.0.1:4100"},
		{"10.0.0.1", "", "http://10.0.0.1:4000"},
		{"0.0.0.0", "4100", "http://127.0.0.1:4100"},
		{"::", "4100", "http://[::1]:4100"},
		{"[::1]", "", "http://[::1]:4000"},
		{"[::1]:77", "4100", "http://[::1]:77"},
		{"::1", "", "http://[::1]:4000"},
		{"topics.example:77", "4100", "http://topics.example:77"},
		{":77", "", "http://127.0.0.1:77"},
		{"", "tcp://10.0.0.1:4000", "http://127.0.0.1:4000"},
		{"", "0", ""},
		{"localhost:0", "", ""},
		{"", "no", ""},
	} {
		got, err := address(tt.host, tt.port)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q, %q: %s, %v; want %s", tt.host, tt.port, got, err, tt.want)
		}
	}
}

func TestClient(t *testing.T) {
	t.Setenv("TOPICS_HOST", "")
	t.Setenv("TOPICS_PORT", "0")
	if _, err := (&Flags{}).Client(nil); err == nil {
		t.Error("a client of no address")
	}
	if c, err := (&Flags{URL: "http://127.0.0.1:1"}).Client(nil); err != nil || c == nil {
		t.Error(err)
	}
}

func TestOperatorAddress(t *testing.T) {
	t.Setenv("TOPICS_HOST", "::")
	t.Setenv("TOPICS_PORT", "4100")
	for _, tt := range []struct{ url, ops, want string }{
		{"", "", "http://[::1]:4100"},
		{"", "127.0.0.1:9100", "http://127.0.0.1:9100"},
		{"", ":9100", "http://127.0.0.1:9100"},
		{"", "127.0.0.1:0", ""},
		{"https://topics.example", "127.0.0.1:9100", "https://topics.example"},
	} {
		t.Setenv("TOPICS_OPS_ADDR", tt.ops)
		got, err := OperatorAddress(tt.url)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q, %q: %s, %v; want %s", tt.url, tt.ops, got, err, tt.want)
		}
	}
}
