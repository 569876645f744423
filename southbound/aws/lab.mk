# Our own EC2 on loopback, southbound/aws/lab: moto behind a wrapper of ours, its packages below target/. The tests start it.
# What Debian has and a fresh machine has not: aws-packages.
AWS_PACKAGES := python3 python3-venv
LAB_AWS      := target/lab-aws/installed

.PHONY: lab-aws lab-aws-serve
lab-aws: $(LAB_AWS)
$(LAB_AWS): southbound/aws/lab/requirements.txt
	@rm -rf target/lab-aws && python3 -m venv target/lab-aws \
	&& target/lab-aws/bin/pip install --quiet --disable-pip-version-check --requirement $< && touch $@ \
	|| { rm -rf target/lab-aws; echo "make: could not install the lab of EC2; hint: make aws-packages, and see whether 'pip download moto' works" >&2; exit 1; }

# To try things on, until Ctrl-D: make lab-aws-serve [PORT=5000]
lab-aws-serve: lab-aws
	target/lab-aws/bin/python southbound/aws/lab/server.py --port $(or $(PORT),5000) --state target/lab-aws
