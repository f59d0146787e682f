package tip

// Users returns how many users the Pool remembers.
func (p *Pool) Users() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.recent.Len() != len(p.users) {
		panic("the list and the map differ")
	}
	return len(p.users)
}

// Spent returns how many JWTs the Pool knows as spent.
func (p *Pool) Spent() int {
	p.exchanger.spent.mu.Lock()
	defer p.exchanger.spent.mu.Unlock()
	return len(p.exchanger.spent.expires)
}
