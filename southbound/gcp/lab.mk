# Our own Compute Engine on loopback, southbound/gcp/lab: its packages, below target/. The virtual environment comes last into being, whole.
# What Debian has and a fresh machine has not: gcp-packages.
GCP_PACKAGES := python3 python3-venv
LAB_GCP      := target/lab-gcp/installed

.PHONY: lab-gcp
lab-gcp: $(LAB_GCP)
$(LAB_GCP): southbound/gcp/lab/requirements.txt
	@rm -rf target/lab-gcp && python3 -m venv target/lab-gcp \
	&& target/lab-gcp/bin/pip install --quiet --disable-pip-version-check --requirement $< && touch $@ \
	|| { rm -rf target/lab-gcp; echo "make: could not install the lab of Compute Engine; hint: make gcp-packages, and see whether 'pip download fastjsonschema' works" >&2; exit 1; }
