module example.com/polyglot/cart

go 1.19
