package openai

import (
	"net"
	"net/url"
	"regexp"
	"strings"
)

// DefaultBaseURL is OpenAI's own endpoint.
const DefaultBaseURL = "https://api.openai.com/v1"

// Endpoint is the identity of an endpoint: its base URL, normalised, without user, password, query and
// fragment. An empty one is [DefaultBaseURL].
func Endpoint(baseURL string) string {
	u, err := url.Parse(trimmed(baseURL))
	if err != nil || u.Host == "" {
		return userInfo.ReplaceAllString(trimmed(baseURL), "//")
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	u.Host = strings.ToLower(u.Host)
	if host, port, err := net.SplitHostPort(u.Host); err == nil &&
		(u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80") {
		u.Host = host
		if strings.Contains(host, ":") { // an IPv6 address
			u.Host = "[" + host + "]"
		}
	}
	return strings.TrimRight(u.String(), "/")
}

// userInfo is the user and password of a URL, in one too broken to be parsed as well.
var userInfo = regexp.MustCompile(`//[^/]*@`)

// trimmed is a base URL as people paste it: with a slash at its end, or with the path of the request.
func trimmed(baseURL string) string {
	s := strings.TrimRight(strings.TrimSpace(baseURL), "/")
	s = strings.TrimRight(strings.TrimSuffix(s, "/chat/completions"), "/")
	if s == "" {
		return DefaultBaseURL
	}
	return s
}

// password is the one in a URL, or "".
func password(baseURL string) string {
	u, err := url.Parse(baseURL)
	if err != nil {
		return ""
	}
	p, _ := u.User.Password()
	return p
}
