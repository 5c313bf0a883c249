package llm

// What the simulated model (package sim) and who asks it agree on, beside OpenAI's protocol.
const (
	// SimulatedEndpoint is the identity of the simulated endpoint, wherever it listens.
	SimulatedEndpoint = "sim"
	// SimulatedHeader says, with the value 1, that a response is simulated.
	SimulatedHeader = "X-Bench-Simulated"
	// SimulatedFingerprint is the system_fingerprint of simulated answers: it says the same in the body, for
	// answers that come in files.
	SimulatedFingerprint = "bench-simulated"
	// SampleHeader holds the index of the first sample that a request asks for. It is sent to the simulated
	// endpoint only, so that a sample is the same whether it comes alone or with others.
	SampleHeader = "X-Bench-Sample"
)
