package pricing

import (
	"bytes"
	"strings"
)

// maxName bounds the names that are looked at, in bytes. No provider's is longer;
// one that is matches nothing.
const maxName = 256

// providerDef is what is known of a provider beyond its prices.
type providerDef struct {
	id       string
	spelt    []string // other spellings, folded
	hosts    []string // host, or "*.suffix"
	fallback []string // whose models it resells at the same price
	native   []string // beginnings of its own models' names
}

// providerDefs is the provider table. A provider that only the book names needs
// no row here.
var providerDefs = []providerDef{
	{id: "openai", hosts: []string{"api.openai.com", "*.api.openai.com"}, native: []string{"gpt-", "o1", "o3", "o4", "whisper-", "text-embedding-", "chatgpt-", "codex-", "ft:", "omni-moderation"}},
	{id: "anthropic", hosts: []string{"api.anthropic.com"}, native: []string{"claude-"}},
	{
		id: "azure", spelt: []string{"azure.ai.openai", "azure.ai.inference", "azure_openai", "azure-openai", "azureopenai", "azure_ai", "azure.ai.foundry"},
		hosts:    []string{"*.openai.azure.com", "*.azure-api.net", "*.cognitiveservices.azure.com", "*.services.ai.azure.com"},
		fallback: []string{"openai", "anthropic", "deepseek", "x-ai", "moonshotai"},
	},
	{id: "aws", spelt: []string{"aws.bedrock", "aws_bedrock", "bedrock", "amazon-bedrock", "amazon_bedrock", "bedrock_converse"}, hosts: []string{"*.amazonaws.com"}},
	{
		id:       "google",
		spelt:    []string{"gcp.vertex_ai", "vertex_ai", "vertexai", "google_vertexai", "gcp.gemini", "gemini", "gcp.gen_ai", "google_genai", "google-genai", "google_ai", "google.vertex", "google-vertex", "google.generative-ai"},
		hosts:    []string{"*.googleapis.com"},
		fallback: []string{"anthropic"}, native: []string{"gemini-", "gemma-"},
	},
	{id: "mistral", spelt: []string{"mistral_ai", "mistralai", "mistral-ai"}, hosts: []string{"api.mistral.ai"}, native: []string{"mistral-", "ministral-", "magistral-", "codestral-", "devstral-", "pixtral-", "voxtral-", "open-mistral-", "open-mixtral-", "mixtral-"}},
	{id: "x-ai", spelt: []string{"x_ai", "xai"}, hosts: []string{"api.x.ai"}, native: []string{"grok-"}},
	{id: "moonshotai", spelt: []string{"moonshot_ai", "moonshot", "moonshot-ai"}, hosts: []string{"api.moonshot.ai", "api.moonshot.cn"}, native: []string{"kimi-", "moonshot-"}},
	{id: "deepseek", hosts: []string{"api.deepseek.com"}, native: []string{"deepseek-"}},
	{id: "cohere", spelt: []string{"cohere_chat"}, hosts: []string{"api.cohere.ai", "api.cohere.com"}, native: []string{"command-"}},
	{id: "together", spelt: []string{"together_ai", "together-ai", "togetherai"}, hosts: []string{"api.together.xyz", "api.together.ai"}},
	{id: "fireworks", spelt: []string{"fireworks_ai", "fireworks-ai"}, hosts: []string{"api.fireworks.ai"}, native: []string{"accounts/fireworks/models/"}},
	{id: "ibm", spelt: []string{"ibm.watsonx.ai", "watsonx"}, hosts: []string{"*.ml.cloud.ibm.com"}},
	{id: "openrouter", hosts: []string{"openrouter.ai", "*.openrouter.ai"}},
	{id: "groq", hosts: []string{"api.groq.com"}},
	{id: "cerebras", hosts: []string{"api.cerebras.ai"}},
	{id: "perplexity", spelt: []string{"perplexity_ai", "perplexity-ai"}, hosts: []string{"api.perplexity.ai"}},
	{id: "voyageai", spelt: []string{"voyage", "voyage_ai"}, hosts: []string{"api.voyageai.com"}, native: []string{"voyage-"}},
	{id: "minimax", hosts: []string{"api.minimax.io", "api.minimaxi.com", "api.minimax.com"}, native: []string{"minimax-m"}},
	{id: "zai", spelt: []string{"z-ai", "z_ai", "z.ai"}, hosts: []string{"api.z.ai"}},
	{id: "zhipuai", spelt: []string{"zhipu", "zhipu_ai", "bigmodel"}, hosts: []string{"open.bigmodel.cn"}, native: []string{"glm-"}},
	{id: "cloudflare", hosts: []string{"api.cloudflare.com"}, native: []string{"@cf/"}},
	{id: "github-copilot", spelt: []string{"github_copilot", "copilot"}, hosts: []string{"api.githubcopilot.com"}},
	{id: "novita", spelt: []string{"novita_ai"}, hosts: []string{"api.novita.ai"}},
	{id: "typesafe", hosts: []string{"api.typesafe.ai"}, native: []string{"jev-"}},
	{id: "arcee", hosts: []string{"api.arcee.ai"}},
	{id: "avian", hosts: []string{"api.avian.io"}},
	{id: "baseten", hosts: []string{"inference.baseten.co"}},
	{id: "cursor", hosts: []string{"api.cursor.com"}},
	{id: "doubleword", hosts: []string{"api.doubleword.ai"}},
	{id: "ovhcloud", hosts: []string{"oai.endpoints.kepler.ai.cloud.ovh.net"}},
	{id: "quicksilverpro", hosts: []string{"api.quicksilverpro.io"}},
}

// gateways names what speaks for providers without being one: routers and
// frameworks. The model's prefix or the host says who was called.
var gateways = map[string]bool{
	"litellm": true, "litellm_proxy": true, "langchain": true, "langgraph": true, "strands-agents": true, "strands": true,
	"gcp.vertex.agent": true, "microsoft.agent_framework": true, "autogen": true, "crewai": true, "llamaindex": true,
	"llama_index": true, "haystack": true, "portkey": true, "helicone": true, "vercel": true, "vercel_ai_gateway": true,
	"pydantic-ai": true, "pydantic_ai": true, "semantic_kernel": true, "dspy": true, "unknown": true, "_other": true,
}

// provider is the compiled form: everything needed to find an entry by a name.
type provider struct {
	id       string
	names    map[string]ref
	dated    map[string]*entry
	aliases  map[string]*entry // the operator's
	loose    []loosePattern
	fallback []*provider
	native   []string
	def      *providerDef
	reported reportedMode
}

// ref is an entry and how a name leads to it.
type ref struct {
	entry *entry
	match Match
}

type loosePattern struct {
	text       []byte
	start, end bool // open at the start, at the end
	entry      *entry
}

func (p *loosePattern) fits(s []byte) bool {
	switch {
	case p.start && p.end:
		return bytes.Contains(s, p.text)
	case p.start:
		return bytes.HasSuffix(s, p.text)
	default:
		return bytes.HasPrefix(s, p.text)
	}
}

// lower writes s, trimmed and in lower case, into buf. A name that does not fit
// is no name: nil.
func lower(buf *[maxName]byte, s string) []byte {
	s = strings.TrimSpace(s)
	if len(s) > len(buf) {
		return nil
	}
	n := 0
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[n] = c
		n++
	}
	return buf[:n]
}

// providerNamed returns the provider a name means. known is true where the name
// says something, be it a provider the book has no prices of; gateway is true
// where it names none by nature.
func (b *Book) providerNamed(name []byte) (p *provider, gateway bool) {
	if p = b.providers[string(name)]; p != nil {
		return p, false
	}
	if len(name) > 6 && string(name[:6]) == "az.ai." {
		return b.providers["azure"], false
	}
	return nil, gateways[string(name)]
}

// providerAt returns the provider that answers at a host, given with or without
// scheme, port and path.
func (b *Book) providerAt(host []byte) *provider {
	host, path := splitHost(host)
	if len(host) == 0 {
		return nil
	}
	if string(host) == "router.huggingface.co" {
		return b.routed(path)
	}
	if p := b.hosts[string(host)]; p != nil {
		return p
	}
	for i, c := range host {
		if c == '.' {
			if p := b.domains[string(host[i+1:])]; p != nil {
				return p
			}
		}
	}
	return nil
}

// routed returns whose prices hold behind the router of Hugging Face: the first
// element of the path names the provider.
func (b *Book) routed(path []byte) *provider {
	for i, c := range path {
		if c == '/' {
			path = path[:i]
			break
		}
	}
	var buf [maxName]byte
	n := copy(buf[:], "huggingface_")
	n += copy(buf[n:], path)
	return b.providers[string(buf[:n])]
}

func splitHost(s []byte) (host, path []byte) {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == ':' && s[i+1] == '/' && s[i+2] == '/' {
			s = s[i+3:]
			break
		}
	}
	end := len(s)
	for i, c := range s {
		if c == '/' {
			end, path = i, s[i+1:]
			break
		}
	}
	for i, c := range s[:end] {
		if c == ':' {
			end = i
			break
		}
	}
	return s[:end], path
}
