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

// trimmed is a base URL as people paste it, with a slash at its end, or with the path of the request; without
// its query.
func trimmed(baseURL string) string {
	s, _, _ := strings.Cut(strings.TrimSpace(baseURL), "#")
	s, _, _ = strings.Cut(s, "?")
	s = strings.TrimRight(s, "/")
	s = strings.TrimRight(strings.TrimSuffix(s, "/chat/completions"), "/")
	if s == "" {
		return DefaultBaseURL
	}
	return s
}

// query is what a base URL has after its question mark. Azure's deployments want their api-version there.
func query(baseURL string) string {
	s, _, _ := strings.Cut(strings.TrimSpace(baseURL), "#")
	_, q, _ := strings.Cut(s, "?")
	return q
}

// isAzure says whether a host is one of Azure's, where the key goes into a header of its own.
func isAzure(baseURL string) bool {
	u, err := url.Parse(trimmed(baseURL))
	return err == nil && azureHost.MatchString(strings.ToLower(u.Hostname()))
}

// deployment is the name of the deployment in an address of Azure's, and the address without it, below which files and
// batches are (https://learn.microsoft.com/azure/ai-services/openai/how-to/batch). The name is empty where the address
// names none.
func deployment(baseURL string) (name, above string) {
	base := trimmed(baseURL)
	if found := azureDeployment.FindStringSubmatch(base); found != nil && isAzure(baseURL) {
		return found[1], strings.TrimSuffix(base, found[0])
	}
	return "", base
}

var azureDeployment = regexp.MustCompile(`/deployments/([^/]+)$`)

var azureHost = regexp.MustCompile(`\.azure(-api)?\.(com|net|us|cn)$`)

// secrets are what a base URL may hold that nobody is to see: the password, and the values of its query but
// Azure's version.
func secrets(baseURL string) []string {
	var all []string
	if u, err := url.Parse(strings.TrimSpace(baseURL)); err == nil {
		if p, ok := u.User.Password(); ok {
			all = append(all, p)
		}
	}
	values, _ := url.ParseQuery(query(baseURL)) // what of it can be read
	for name, list := range values {
		for _, v := range list {
			if name != "api-version" && len(v) > 5 { // what is shorter stands in every text
				all = append(all, v)
			}
		}
	}
	return all
}
