package pricing

// Meter names one thing a provider counts. Token meters follow the canonical
// accounting: MeterInput is the whole prompt, what was read from and written to
// caches and every modality included, MeterOutput is everything generated,
// reasoning included, and the others are parts of those two, never added to them.
type Meter uint8

// All meters. Token meters come first, durations (in milliseconds) last.
const (
	MeterInput Meter = iota
	MeterOutput
	MeterCacheRead    // part of input
	MeterCacheWrite   // part of input, all lifetimes
	MeterCacheWrite1h // part of MeterCacheWrite with a lifetime of one hour
	MeterReasoning    // part of output
	MeterCitation     // part of output
	MeterAudioIn      // part of input, cached audio included
	MeterAudioCached  // part of MeterAudioIn and of MeterCacheRead
	MeterAudioOut     // part of output
	MeterImageIn
	MeterImageCached
	MeterImageOut
	MeterVideoIn
	MeterVideoCached
	MeterVideoOut

	MeterRequest // the call itself; Price counts it, callers do not
	MeterWebSearch
	MeterFileSearch
	MeterPage
	MeterAnnotatedPage // part of MeterPage
	MeterTextMessage

	MeterAudioTime // milliseconds of audio
	MeterVideoTime // milliseconds of video

	numMeters
)

// meterNames are the keys of price files and of conditions.
var meterNames = [numMeters]string{
	"input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning", "citation",
	"audio_in", "audio_cached", "audio_out", "image_in", "image_cached", "image_out",
	"video_in", "video_cached", "video_out",
	"request", "web_search", "file_search", "page", "annotated_page", "text_message",
	"audio", "video",
}

// String returns the meter's name as price files write it.
func (m Meter) String() string { return meterNames[m] }

// Usage is what one model call consumed. A meter that was never Set is unknown,
// which is not 0. The zero value knows nothing.
type Usage struct {
	counts [numMeters]int64
	known  uint32

	// Estimated means that the emitter guesses its counts: a cost from them is
	// at best partial.
	Estimated bool
	// Invalid means that a count was stated which cannot be one: negative,
	// fractional, unparsable. Nothing may be charged from it.
	Invalid bool
}

// Set states a count: tokens, requests, pages or milliseconds. A negative count
// makes the whole usage invalid.
func (u *Usage) Set(m Meter, n int64) {
	u.counts[m] = n
	u.known |= 1 << m
	if n < 0 {
		u.Invalid = true
	}
}

// Count returns what was Set for m and whether anything was.
func (u *Usage) Count(m Meter) (n int64, known bool) {
	return u.counts[m], u.known&(1<<m) != 0
}

// Any reports whether any count is known.
func (u *Usage) Any() bool { return u.known != 0 }

func (u *Usage) has(m Meter) bool { return u.known&(1<<m) != 0 }
