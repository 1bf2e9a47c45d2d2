package genai

import "strings"

// foldProvider gives a provider its canonical name. known is false for names of
// frameworks and for anything else that is no provider; gateway is set for a
// service that stands in between.
func foldProvider(s string) (provider, gateway string, known bool) {
	s = lower(strings.TrimSpace(s))
	if s == "" {
		return "", "", false
	}
	if p, ok := providers[s]; ok {
		return p, "", true
	}
	if gateways[s] {
		return "", s, false
	}
	if frameworks[s] {
		return "", "", false
	}
	for _, p := range providerPrefixes {
		if strings.HasPrefix(s, p.prefix) {
			return p.name, "", true
		}
	}
	// AI SDK and its users write "openai.responses", "anthropic.messages".
	if i := strings.IndexByte(s, '.'); i > 0 {
		if p, ok := providers[s[:i]]; ok {
			return p, "", true
		}
		if gateways[s[:i]] {
			return "", s[:i], false
		}
	}
	if p := providerOfHost(s); p != "" {
		return p, "", true
	}
	// A provider that nobody listed: it is what the emitter says, and better than
	// a guess.
	return s, "", true
}

// providerOfHost recognises a vendor's host, as llm.provider may hold: Azure and
// AWS serve models of others under names that hold those others' names.
func providerOfHost(host string) string {
	for _, h := range hosts {
		if strings.Contains(host, h.part) {
			return h.provider
		}
	}
	return ""
}

var hosts = []struct{ part, provider string }{
	{"openai.azure.com", "azure.ai.openai"},
	{"services.ai.azure.com", "azure.ai.inference"},
	{"bedrock", "aws.bedrock"},
	{"aiplatform.googleapis.com", "gcp.vertex_ai"},
	{"generativelanguage.googleapis.com", "gcp.gemini"},
	{"api.openai.com", "openai"},
	{"api.anthropic.com", "anthropic"},
	{"api.cohere", "cohere"},
	{"api.deepseek.com", "deepseek"},
	{"api.groq.com", "groq"},
	{"api.mistral.ai", "mistral_ai"},
	{"api.perplexity.ai", "perplexity"},
	{"api.x.ai", "x_ai"},
	{"api.moonshot", "moonshot_ai"},
}

var providers = map[string]string{
	"openai": "openai", "anthropic": "anthropic", "claude": "anthropic",
	"aws.bedrock": "aws.bedrock", "bedrock": "aws.bedrock", "aws": "aws.bedrock", "aws_bedrock": "aws.bedrock",
	"bedrock_converse": "aws.bedrock", "anthropic_bedrock": "aws.bedrock",
	"azure.ai.openai": "azure.ai.openai", "azure": "azure.ai.openai", "azure_openai": "azure.ai.openai",
	"az.ai.openai": "azure.ai.openai", "azureopenai": "azure.ai.openai", "azure-openai": "azure.ai.openai",
	"azure.ai.inference": "azure.ai.inference", "az.ai.inference": "azure.ai.inference", "azure_ai": "azure.ai.inference",
	"gcp.gemini": "gcp.gemini", "google": "gcp.gemini", "google.generative-ai": "gcp.gemini", "google-gemini": "gcp.gemini",
	"gemini": "gcp.gemini", "googleai": "gcp.gemini", "google_genai": "gcp.gemini", "google-genai": "gcp.gemini",
	"gcp.gen_ai": "gcp.gen_ai", "gcp.vertex_ai": "gcp.vertex_ai", "google-vertex": "gcp.vertex_ai",
	"vertex_ai": "gcp.vertex_ai", "vertexai": "gcp.vertex_ai", "google_vertexai": "gcp.vertex_ai", "vertex": "gcp.vertex_ai",
	"cohere": "cohere", "deepseek": "deepseek", "groq": "groq",
	"ibm.watsonx.ai": "ibm.watsonx.ai", "ibm.watson.ai": "ibm.watsonx.ai", "watsonx": "ibm.watsonx.ai",
	"mistral_ai": "mistral_ai", "mistral": "mistral_ai", "mistralai": "mistral_ai",
	"moonshot_ai": "moonshot_ai", "moonshot": "moonshot_ai", "moonshotai": "moonshot_ai",
	"perplexity": "perplexity", "x_ai": "x_ai", "xai": "x_ai", "grok": "x_ai",
}

var providerPrefixes = []struct{ prefix, name string }{
	{"amazon-bedrock", "aws.bedrock"},
	{"amazon_bedrock", "aws.bedrock"},
	{"google.vertex", "gcp.vertex_ai"},
	{"google-vertex", "gcp.vertex_ai"},
	{"google.generative-ai", "gcp.gemini"},
	{"azure-openai", "azure.ai.openai"},
	{"azure_openai", "azure.ai.openai"},
}

// frameworks are what emitters write in place of a provider.
var frameworks = map[string]bool{
	"langchain": true, "langgraph": true, "crewai": true, "autogen": true, "strands-agents": true,
	"strands_agents": true, "gcp.vertex.agent": true, "microsoft.agent_framework": true, "openai_agents": true,
	"google_adk": true, "pydantic_ai": true, "pydantic-ai": true, "llama_index": true, "llamaindex": true,
	"openai-agents": true, "mastra": true, "genkit": true, "haystack": true, "semantic_kernel": true, "unknown": true,
}

var gateways = map[string]bool{
	"litellm": true, "openrouter": true, "portkey": true, "vercel": true, "gateway": true, "helicone": true,
}

// families tell a provider by the name of its models. The last resort.
var families = []struct{ prefix, provider string }{
	{"gpt-", "openai"},
	{"chatgpt-", "openai"},
	{"o1", "openai"},
	{"o3", "openai"},
	{"o4-", "openai"},
	{"text-embedding-", "openai"},
	{"ft:gpt-", "openai"},
	{"dall-e", "openai"},
	{"whisper-", "openai"},
	{"claude-", "anthropic"},
	{"gemini-", "gcp.gemini"},
	{"models/gemini", "gcp.gemini"},
	{"command-", "cohere"},
	{"deepseek-", "deepseek"},
	{"grok-", "x_ai"},
	{"sonar", "perplexity"},
	{"mistral-", "mistral_ai"},
	{"codestral", "mistral_ai"},
	{"magistral", "mistral_ai"},
	{"ministral", "mistral_ai"},
	{"devstral", "mistral_ai"},
	{"pixtral", "mistral_ai"},
	{"kimi-", "moonshot_ai"},
	{"moonshot-", "moonshot_ai"},
	{"arn:aws:bedrock:", "aws.bedrock"},
	{"anthropic.claude", "aws.bedrock"},
	{"amazon.nova", "aws.bedrock"},
	{"amazon.titan", "aws.bedrock"},
	{"meta.llama", "aws.bedrock"},
	{"us.", "aws.bedrock"},
	{"eu.", "aws.bedrock"},
	{"apac.", "aws.bedrock"},
	{"global.", "aws.bedrock"},
	{"publishers/", "gcp.vertex_ai"},
	{"projects/", "gcp.vertex_ai"},
}

// providerOfModel derives a provider from a model's name.
func providerOfModel(model string) (provider, gateway string) {
	m := lower(model)
	if i := strings.IndexByte(m, '/'); i > 0 && !strings.HasPrefix(m, "arn:") {
		p, g, ok := foldProvider(m[:i])
		switch {
		case g != "":
			p, _ = providerOfModel(m[i+1:])
			return p, g
		case ok && providers[m[:i]] != "":
			return p, ""
		}
	}
	for _, f := range families {
		if strings.HasPrefix(m, f.prefix) {
			return f.provider, ""
		}
	}
	return "", ""
}

// regionOfModel reads the geography that Bedrock puts before a model's name. It
// changes the price.
func regionOfModel(model string) string {
	if i := strings.LastIndexByte(model, '/'); i >= 0 {
		model = model[i+1:]
	}
	i := strings.IndexByte(model, '.')
	if i <= 0 || !strings.ContainsRune(model[i+1:], '.') {
		return ""
	}
	switch g := model[:i]; g {
	case "us", "eu", "apac", "jp", "au", "global", "us-gov":
		// A geography stands before a vendor: "us.anthropic.claude-...".
		return g
	}
	return ""
}

// lower is strings.ToLower that does not copy what is lower case already.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' || c >= 0x80 {
			return strings.ToLower(s)
		}
	}
	return s
}

// foldOwner settles provider and gateway from everything a span says.
func (r *reader) foldOwner(c *context, a *Action) {
	for _, s := range [...]strSlot{sProvider, sAIProvider, sLLMProvider, sLLMSystem} {
		v := r.get(s)
		if v == "" || v == c.service {
			continue
		}
		p, g, ok := foldProvider(v)
		if g != "" && a.Gateway == "" {
			a.Gateway = g
		}
		if ok {
			a.Provider = p
			break
		}
	}
	if a.Provider != "" && !strings.Contains(a.ResponseModel, "/") && !strings.Contains(a.RequestModel, "/") {
		a.Region = r.first(sRegion)
		if a.Region == "" && a.Provider == "aws.bedrock" {
			a.Region = regionOfModel(a.model())
		}
		return
	}
	for _, m := range [...]string{a.ResponseModel, a.RequestModel} {
		if m == "" {
			continue
		}
		p, g := providerOfModel(m)
		if a.Provider == "" {
			a.Provider = p
		}
		if a.Gateway == "" {
			a.Gateway = g
		}
	}
	if a.Region = r.get(sRegion); a.Region == "" && a.Provider == "aws.bedrock" {
		a.Region = regionOfModel(a.model())
	}
}

func (a *Action) model() string {
	if a.ResponseModel != "" {
		return a.ResponseModel
	}
	return a.RequestModel
}
