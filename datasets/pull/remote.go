package pull

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// remote is a git repository somewhere else.
type remote struct {
	url  string        // without credentials
	auth *url.Userinfo // may be nil
}

// parseRemote reads the address of a repository. Its errors do not repeat it: it may hold a password.
func parseRemote(address string) (remote, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return remote{}, &UsageError{"the address of a git repository has to be like https://HOST/PATH, or https://USER:PASSWORD@HOST/PATH; " +
			"a clone on this machine can be used with --data, or be added with `bench dataset add`"}
	}
	r := remote{auth: u.User}
	u.User = nil
	r.url = strings.TrimRight(u.String(), "/")
	return r, nil
}

// fetch fetches one commit, without its history, into a store in the folder dir. The commit "" is the one at
// the repository's HEAD. Of a file that has more bytes than limit, unless that is 0, the server may leave out
// the content.
func (r remote) fetch(ctx context.Context, client *http.Client, dir, commit string, limit int) (*object.Tree, string, error) {
	tree, commit, err := r.fetchCommit(ctx, client, dir, commit, limit)
	if ctx.Err() != nil {
		return nil, "", context.Cause(ctx)
	}
	if err != nil {
		return nil, "", fmt.Errorf("fetch commit %.12s of %s: %w", commit, r.url, explain(err))
	}
	return tree, commit, nil
}

func (r remote) fetchCommit(ctx context.Context, client *http.Client, dir, commit string, limit int) (*object.Tree, string, error) {
	endpoint, err := transport.NewEndpoint(r.url)
	if err != nil {
		return nil, commit, err
	}
	var auth transport.AuthMethod
	if r.auth != nil {
		password, _ := r.auth.Password()
		auth = &githttp.BasicAuth{Username: r.auth.Username(), Password: password}
	}
	// The session is used as it is, and not through a clone, because only so it takes an HTTP client of one's
	// own, and a filter.
	session, err := githttp.NewClient(client).NewUploadPackSession(endpoint, auth)
	if err != nil {
		return nil, commit, err
	}
	defer session.Close()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, commit, err
	}
	if commit == "" {
		if refs.Head == nil {
			return nil, commit, errors.New("it has no HEAD, which would say what its default branch is")
		}
		commit = refs.Head.String()
	}
	hash := plumbing.NewHash(commit)
	request := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	request.Wants = []plumbing.Hash{hash}
	request.Depth = packp.DepthCommits(1)
	if err := request.Capabilities.Set(capability.Shallow); err != nil {
		return nil, commit, err
	}
	if limit > 0 && refs.Capabilities.Supports(capability.Filter) {
		request.Filter = packp.FilterBlobLimit(uint64(limit)+1, packp.BlobLimitPrefixNone)
		if err := request.Capabilities.Set(capability.Filter); err != nil {
			return nil, commit, err
		}
	}
	response, err := session.UploadPack(ctx, request)
	if err != nil {
		return nil, commit, err
	}
	defer response.Close()
	store := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRU(8*cache.MiByte))
	defer store.Close()
	if err := packfile.UpdateObjectStorage(store, unpack(request.Capabilities, &bounded{response, maxPack})); err != nil {
		return nil, commit, err
	}
	found, err := object.GetCommit(store, hash)
	if err != nil {
		return nil, commit, err
	}
	tree, err := found.Tree()
	return tree, commit, err
}

// unpack takes the pack out of what comes.
func unpack(used *capability.List, r io.Reader) io.Reader {
	switch {
	case used.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case used.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	}
	return r
}

// maxPack is the most that is taken of a commit, in bytes: it may be that of anybody's repository.
const maxPack = 4 << 30

// bounded is a reader that fails after so many bytes.
type bounded struct {
	io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("it has more than %d GB", maxPack>>30)
	}
	return n, err
}

// explain says what an error of git's transport means for whoever wants to pull.
func explain(err error) error {
	if unexpected := new(plumbing.UnexpectedError); errors.As(err, &unexpected) {
		err = unexpected.Err
	}
	address, status := new(url.Error), new(githttp.Err)
	switch {
	case errors.Is(err, transport.ErrRepositoryNotFound), errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return errors.New("there is no such repository, or it is private")
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return errors.New("the repository is empty")
	case strings.Contains(err.Error(), "not our ref"):
		return errors.New("the repository does not have this commit, or its server does not give it by its hash")
	case errors.As(err, &status):
		return fmt.Errorf("the server answers %s", status.Response.Status)
	case errors.As(err, &address):
		return address.Err
	}
	return err
}

// hide takes the credentials out of an error's text, in all forms in which a server may repeat them.
func (r remote) hide(err error) error {
	if r.auth == nil || err == nil {
		return err
	}
	return &hiding{err, r}
}

type hiding struct {
	error
	remote
}

func (h *hiding) Error() string { return h.censor(h.error.Error()) }

func (h *hiding) Unwrap() error { return h.error }

func (r remote) censor(text string) string {
	if r.auth == nil {
		return text
	}
	user := r.auth.Username()
	password, both := r.auth.Password()
	secrets := []string{base64.StdEncoding.EncodeToString([]byte(user + ":" + password)), r.auth.String(), password, url.QueryEscape(password)}
	if !both { // a token alone stands in the user's place
		secrets = append(secrets, user, url.QueryEscape(user))
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// discreet is a Progress that does not tell the credentials.
type discreet struct {
	Progress
	remote
}

func (d discreet) Step(text string) { d.Progress.Step(d.censor(text)) }
