package genai

// strSlot is where a text attribute lands. Several keys may name one slot; their
// rank decides which one wins when a span carries more than one.
type strSlot uint8

const (
	// Written by a genai processor before us.
	sCKind strSlot = iota
	sCDialect
	sCAgentID
	sCAgentName
	sCAgentVersion
	sCPrincipalType
	sCInherited
	sCGrade
	sCToolName
	sCToolOperation
	sCToolResource
	sCAccounting
	// What an agent may state itself.
	sOwnSession
	sOwnProject
	sOwnTenant
	sOwnPrincipal
	// The call.
	sOperation
	sProvider
	sAIProvider
	sLLMProvider
	sLLMSystem
	sRequestModel
	sResponseModel
	sModelName
	sResponseID
	sFinish
	sTier
	sRequestTier
	sSpeed
	sRegion
	sServer
	sErrorType
	sAPIType
	// Who.
	sAgentID
	sAgentName
	sAgentVersion
	sOIAgentName
	sGraphNode
	sFunctionID
	sEntityName
	sEntityKind
	sConversation
	sSession
	sUser
	sProject
	sMetadata
	sWorkflow
	sSubagentID
	sSubagentName
	sVoltEntity
	sVoltEntityID
	sVoltEntityType
	// Tools and what they touch.
	sToolName
	sPlainToolName
	sToolCallID
	sToolType
	sToolArgs
	sToolResult
	sInput
	sOutput
	sMCPServer
	sMCPMethod
	sMCPResource
	sDataSource
	sMemoryStore
	sMemoryOperation
	sA2AMethod
	// Hand-over.
	sHandoffFrom
	sHandoffTo
	sHandoffMode
	// What kind of span each emitter says it is.
	sAIOperation
	sOIKind
	sTLKind
	sRequestType
	sLangfuseKind
	sLangsmithKind
	sMastraKind
	sVoltKind
	sGenkitKind
	sGenkitType
	sGenkitName
	sEventName
	sCodexPhase
	sUserAgent
	sSDKName
	// JSON that holds what attributes do not.
	sProviderMetadata
	sADKResponse
	sUsageDetails
	sCostDetails
	sInDetails
	sOutDetails
	sGenkitOutput
	sCurrency
	strSlots
)

// numSlot is where a count lands.
type numSlot uint8

const (
	nInput numSlot = iota
	nOutput
	nTotal
	nRead
	nWrite
	nWrite5m
	nWrite1h
	nNoCache
	nReasoning
	nAudioInput
	nAudioOutput
	nAudioCached
	nImageInput
	nImageOutput
	nWebSearches
	nEmbedding
	// Counts whose names mean something for one emitter only.
	nVoltInput
	nVoltOutput
	nVoltTotal
	nVoltCached
	nVoltReasoning
	nLegacyInput
	nLegacyOutput
	nLegacyCached
	nLegacyReasoning
	nBareInput
	nBareOutput
	nBareRead
	nBareWrite
	nTurnInput
	nTurnOutput
	nCInput
	nCOutput
	nCRead
	nCWrite
	nCWrite1h
	nCReasoning
	numSlots
)

// mark is the presence of something that only one emitter writes, or a flag.
type mark uint32

const (
	markGenAI mark = 1 << iota
	markMCP
	markLLM
	markStrands
	markTraceloop
	markOpenInference
	markADK
	markCodex
	markAgw
	markPydantic
	markStream
	markMAF
	markCEstimated
	markCInvalid
	markCDuplicate
	markA2A
	markCDecision
	markGuardrail
)
