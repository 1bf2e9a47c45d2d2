package chain

type run struct{}
