module example.com/polyglot/prices

go 1.19
