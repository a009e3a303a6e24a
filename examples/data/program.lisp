; Procedures, recursion, closures and mutation.
(define (fact n) (if (< n 2) 1 (* n (fact (- n 1)))))
(display (fact 20))

(define (map f xs)
  (if (null? xs) '() (cons (f (car xs)) (map f (cdr xs)))))
(display (map (lambda (x) (* x x)) (list 1 2 3 4)))

(define (range a b) (if (< b a) '() (cons a (range (+ a 1) b))))
(define (filter keep? xs)
  (if (null? xs) '()
    (if (keep? (car xs))
      (cons (car xs) (filter keep? (cdr xs)))
      (filter keep? (cdr xs)))))
(define (divides? d n) (= (remainder n d) 0))
(define (prime? n)
  (= (filter (lambda (d) (divides? d n)) (range 1 n)) (list 1 n)))
(display (filter prime? (range 2 40)))

; A counter keeps its own variable.
(define (counter)
  (let ((n 0))
    (lambda () (begin (set! n (+ n 1)) n))))
(define next (counter))
(next)
(next)
(display (next))

(display '(quoted (list) #t #f))
(display fact)
(display (car '()))
(display unbound)
(fact 1 2)
(display (let ((a 3) (b 4)) (+ (* a a) (* b b))))
