package main

func loops([]run) {}
