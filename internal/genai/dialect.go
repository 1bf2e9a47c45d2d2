package genai

// Dialect names an emitter family. The values are those of spanwarden.dialect.
type Dialect string
